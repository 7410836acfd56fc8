// Refreshes the live parts; the page is whole without it.
(function(){if(!window.fetch||!window.DOMParser)return;
setInterval(function(){if(document.hidden||document.querySelector('details[open]'))return;
fetch(location.href,{headers:{accept:'text/html'}}).then(function(a){return a.ok?a.text():null}).then(function(t){if(!t)return;
var d=new DOMParser().parseFromString(t,'text/html');
document.querySelectorAll('[data-live]').forEach(function(e){var n=d.querySelector('[data-live="'+e.dataset.live+'"]');
if(n&&n.innerHTML!==e.innerHTML)e.innerHTML=n.innerHTML})}).catch(function(){})},10000)})();
